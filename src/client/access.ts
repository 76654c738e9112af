/** What a client needs to reach its brokers. */

/** Where the brokers are, and the token for them. Read before every call: a broker may restart on another port. */
export interface Access {
  /** Empty: no broker runs, so nothing is contacted and the token is not sent. Several share one database. */
  urls: readonly string[];
  token: string;
  /** SHA-256 of the accepted certificates. Undefined: any certificate that the system trusts. */
  fingerprints?: readonly string[] | undefined;
  /** Where else the brokers may be: `address:port` behind a tunnel or port mapping. */
  forwardedTo?: readonly string[] | undefined;
}
