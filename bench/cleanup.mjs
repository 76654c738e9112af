/** Cleanup of a bench's processes and folders, in reverse order of creation. */

const undo = [];

export function atEnd(work) {
  undo.push(work);
}

export async function cleanUp() {
  for (const work of undo.splice(0).reverse()) await work();
}
