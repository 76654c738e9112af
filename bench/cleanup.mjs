/** What a bench has made, processes and folders, goes when the bench ends: by its maker, last one first. */

const undo = [];

export function atEnd(work) {
  undo.push(work);
}

export async function cleanUp() {
  for (const work of undo.splice(0).reverse()) await work();
}
