/** Whether single keys act. Some people speak to their computer, and a word is many keys. */
const KEY = "cct-keys";

export const areKeysOn = (): boolean => localStorage.getItem(KEY) !== "off";
export const setKeys = (on: boolean): void => localStorage.setItem(KEY, on ? "on" : "off");
