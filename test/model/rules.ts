/** The parts of the protocol that can be taken away, each to show what it is there for. */
export interface Rules {
  /** What a settling requires of the row besides the job's id. */
  readonly fence: 'id, token and worker' | 'worker' | 'state' | 'nothing'
  /** How a settling that changed nothing is judged. */
  readonly resolve: 'by id and token' | 'by guess'
  /** A job that is taken away gets a new token. */
  readonly takeAwayRaises: boolean
  /** One that was declared dead is given no more jobs. */
  readonly lostMayNotClaim: boolean
  /** How a worker gives back rows that it does not know. */
  readonly reconcile: 'by token' | 'by what it keeps' | 'while claims are under way' | 'never'
  /** A free lock counts only when it stays free for a grace. */
  readonly grace: boolean
  /** The rescuer accuses nobody before it was well for a lease itself. */
  readonly warmUp: boolean
  /** A lock says nothing about a worker that took it on a server process before this one. */
  readonly postmaster: boolean
  /** A worker that is not heard stops before its lease is over. */
  readonly selfFence: boolean
  /** Jobs of workers that nobody knows are rescued, too. */
  readonly orphans: boolean
  /** Whether handlers give way when their worker is not heard. */
  readonly onUnreachable: 'abort' | 'continue'
  /** Sessions of a worker may end long before it notices, and it may be out of reach for more than a grace. */
  readonly resets: boolean
  /** A leader that has only just started goes by locks at once, also after an outage. */
  readonly freshLeader: boolean
}

/** The protocol as it is meant. */
export const PROTOCOL: Rules = {
  fence: 'id, token and worker',
  resolve: 'by id and token',
  takeAwayRaises: true,
  lostMayNotClaim: true,
  reconcile: 'by token',
  grace: true,
  warmUp: true,
  postmaster: true,
  selfFence: true,
  orphans: true,
  onUnreachable: 'abort',
  resets: false,
  freshLeader: false,
}
