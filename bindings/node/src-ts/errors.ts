/** What is thrown before a server serves. */

/** The configuration is refused; the message names every fault. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** A route, hook or group cannot be served as it is written. */
export class RouteError extends Error {
  override readonly name = "RouteError";
}

/** Somebody listens on the port already. */
export class AddressInUseError extends Error {
  override readonly name = "AddressInUseError";
  readonly code = "EADDRINUSE";
}
