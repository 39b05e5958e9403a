/** Signatures and sizes of the parts of a zip file (APPNOTE.TXT 6.3). */
export const LOCAL_HEADER = 0x04034b50;
export const CENTRAL_HEADER = 0x02014b50;
export const END = 0x06054b50;
export const END64 = 0x06064b50;
export const END64_LOCATOR = 0x07064b50;

export const LOCAL_SIZE = 30;
export const CENTRAL_SIZE = 46;
export const END_SIZE = 22;
export const END64_SIZE = 56;
export const END64_LOCATOR_SIZE = 20;

/** A 16-bit or 32-bit field of all ones says: the value is in the zip64 part. */
export const NONE16 = 0xffff;
export const NONE32 = 0xffff_ffff;

/** Id of the extra field with 64-bit sizes and offset. */
export const EXTRA_ZIP64 = 0x0001;
/** Id of the extra field ("FB") that torch pads with, so that data begins at a multiple of 64. */
export const EXTRA_PADDING = 0x4246;

/** General purpose flags. */
export const FLAG_ENCRYPTED = 0x0001;
export const FLAG_UTF8 = 0x0800;

export const STORED = 0;
export const DEFLATED = 8;
