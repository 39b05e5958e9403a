/** One picture: `data` is `[channels, height, width]`, one byte a value. */
export interface Picture {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** A step on a picture, before it becomes a tensor. Random steps draw from torch's default generator. */
export interface PictureTransform {
  picture(picture: Picture): Picture;
}
