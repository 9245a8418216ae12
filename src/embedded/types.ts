import type { EmbeddedVersion } from './binaries.ts'

/** How {@link startEmbedded} starts. */
export interface EmbeddedOptions {
  /**
   * Where clusters live; relative to the working directory. For an ephemeral one the folder its own is made in.
   * @defaultValue '.celeriac', for an ephemeral one the system's folder for temporary files
   */
  readonly dir?: string
  /** The major. @defaultValue the one that runs in `dir`, else the newest found */
  readonly version?: EmbeddedVersion
  /** The TCP port on 127.0.0.1; not heeded when the server runs already. @defaultValue the one of last time, or a free one */
  readonly port?: number
  /** The database `url` names; made when missing. @defaultValue 'celeriac' */
  readonly database?: string
  /** A cluster of this process alone, never synced to disk, removed when stopped. @defaultValue false */
  readonly ephemeral?: boolean
  /** Settings of the server, as in postgresql.conf; not heeded when it runs already. @defaultValue {} */
  readonly settings?: Readonly<Record<string, string>>
}

/** A running server. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** With user, password and database. */
  readonly url: string
  /** The cluster's folder: data, log and password. */
  readonly dir: string
  /** As the server says it: `18.4`. */
  readonly version: string
  /** Whether it ran already. */
  readonly adopted: boolean
  /** How long making the data directory took; 0 when it was there. */
  readonly createdMs: number
  /** How long starting the server took; 0 when it ran. */
  readonly startedMs: number
  /**
   * Lets go of the server, and stops it when nobody else uses it: no other process of the project, no other
   * connection. Close your own connections first.
   *
   * @returns whether it was stopped; always so for an ephemeral one, whose data is removed. Called again: the same
   */
  stop(): Promise<boolean>
}

/** Options with what every way of starting needs filled in; `dir` is absolute. */
export type ResolvedOptions = EmbeddedOptions & { readonly dir: string; readonly database: string }
