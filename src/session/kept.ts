/** Values that are read from a folder once, and again after something in it has changed. */

/** Wraps a way to read a value from the system. */
type Reader<T> = (read: () => T) => T;

export interface Kept {
  /** The same reader, which between two changes reads once. */
  value<T>(reader: Reader<T>): Reader<T>;
  /** Something has changed, or may have. */
  forget(): void;
  /** From now on somebody calls `forget` after each change. Before that, every value is read each time. */
  begin(): void;
}

export function createKept(): Kept {
  let version = 0;
  let isKept = false;
  return {
    value(reader) {
      let known: { version: number; value: ReturnType<typeof reader> } | undefined;
      return (read) => {
        if (!isKept || known?.version !== version) known = { version, value: reader(read) };
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
