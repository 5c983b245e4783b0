import * as pulumi from "@pulumi/pulumi";

/**
 * A component whose children carry its dependencies and its lifetime themselves.
 *
 * The engine makes children wait for what their component depends on when it creates, but records nothing of it: when
 * it destroys, it would delete a Backend and the controller that has to finalise it at the same time.
 */
export abstract class Component extends pulumi.ComponentResource {
  /** The options of each child. */
  protected readonly child: Pick<pulumi.CustomResourceOptions, "parent" | "dependsOn" | "deletedWith">;

  /**
   * The options of a Helm release. Helm cannot uninstall from a cluster that is gone, and the engine would ask for it
   * before another cluster replaces that one: so a release ends with its cluster, or not at all.
   */
  protected readonly release: pulumi.CustomResourceOptions;

  constructor(kind: string, name: string, options: pulumi.ComponentResourceOptions) {
    super(`dynamic-mode:infra:${kind}`, name, {}, options);
    this.child = {
      parent: this,
      ...(options.dependsOn && { dependsOn: options.dependsOn }),
      ...(options.deletedWith && { deletedWith: options.deletedWith }),
    };
    this.release = { ...this.child, retainOnDelete: options.deletedWith !== undefined };
  }
}
