/** What Kubernetes can call things, as far as a URL depends on it: each of these becomes a segment of a path. */

export const apiVersionPattern = /^(?=.{1,317}$)([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const kindPattern = /^(?=.{1,63}$)[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$/;
export const namespacePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Roles and others have names that most kinds may not have; what would leave the segment is refused for all. */
export const namePattern = /^(?!\.{1,2}$)[^/%\p{Cc}]{1,253}$/u;
