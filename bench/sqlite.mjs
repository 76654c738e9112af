/** The same SQLite as the broker uses on this Node, with the same settings. */
export async function openDatabase(path, synchronous = "FULL") {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const builtIn = major > 22 || (major === 22 && minor >= 13);
  const Database = builtIn ? (await import("node:sqlite")).DatabaseSync : (await import("libsql")).default;
  const database = new Database(path);
  const pragmas = [
    "locking_mode=EXCLUSIVE",
    "journal_mode=WAL",
    `synchronous=${synchronous}`,
    "wal_autocheckpoint=4000",
  ];
  for (const pragma of pragmas) database.prepare(`PRAGMA ${pragma}`).all();
  return database;
}
