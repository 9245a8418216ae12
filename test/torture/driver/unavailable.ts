/** What a lane needs is not on this machine; the lane is skipped, and says so. */
export class Unavailable extends Error {}
