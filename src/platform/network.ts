/** Whether an address belongs to this machine. */

/** Whether an address or name is this machine's loopback. An IPv6 address may be in brackets. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);

/** Whether a URL leads to this machine over loopback. */
export const isOnThisMachine = (url: string): boolean => URL.canParse(url) && isLoopback(new URL(url).hostname);
