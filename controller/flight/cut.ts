/**
 * Texts of a flight that are too long are cut, and say so. The mark also tells whoever removes secrets from the text that
 * one may have been cut in two.
 */
export const cutMark = " …[cut]";

/** The text, or its first `limit` characters and the mark. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, limit) + cutMark;
}
