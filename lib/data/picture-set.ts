/** Pictures and their labels in memory, as they came from a file. */
export interface PictureSet {
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** `[count, channels, height, width]`, one byte a value. */
  readonly pictures: Uint8Array;
  /** Class of each picture, an index into `classes`. */
  readonly labels: Uint8Array;
  /** Names of the classes. */
  readonly classes: readonly string[];
}
