export function processesOf(folder: string): { pid: number; command: string }[];
export function isAlive(pid: number): boolean;
