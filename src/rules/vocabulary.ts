/**
 * Operations have one name, and each surface calls them by its own: HTTP `list_peers`, a tool `cct_list_peers`, the command
 * `cct peers`. Texts of the broker use the first; the other surfaces translate them with this.
 */

/** The text with each operation named as `named` says. Operations that are not in it, and quoted words, stay. */
export function nameOperations(text: string, named: ReadonlyMap<string, string>): string {
  return text.replace(
    /(?<!['"@/\w-])(?:cct_)?([a-z]+(?:_[a-z]+)+)\b(?!['"])/g,
    (word, name) => named.get(name) ?? word,
  );
}
