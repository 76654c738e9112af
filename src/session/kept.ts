/** Values that are read from a folder once, and again after something in it has changed. */

/** Reads a value from the system. */
type Read<T> = (read: () => T) => T;

export interface Kept {
  /** Wraps a way to read: between two changes it reads once. */
  value<T>(read: Read<T>): Read<T>;
  /** Something has changed, or may have. */
  forget(): void;
  /** From now on somebody calls `forget` after each change. Before that, every value is read each time. */
  begin(): void;
}

export function createKept(): Kept {
  let version = 0;
  let isKept = false;
  return {
    value(read) {
      let known: { version: number; value: ReturnType<typeof read> } | undefined;
      return (find) => {
        if (!isKept || known?.version !== version) known = { version, value: read(find) };
        return known.value;
      };
    },
    forget() {
      version++;
    },
    begin() {
      isKept = true;
    },
  };
}
