/** Why something that is compressed can't be decompressed: whoever reads it says what it is. */
export class Damaged extends Error {}
