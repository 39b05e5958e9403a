import { BadPicture } from './picture-bytes.js';

/** A form of picture files that is read. */
export type PictureFormat = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'TIFF' | 'AVIF' | 'BMP' | 'Netpbm';

/**
 * What a file is by its first bytes, whatever its name says.
 * @throws BadPicture that says what it is instead, where that can be seen.
 */
export function pictureFormat(bytes: Uint8Array): PictureFormat {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 512)).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'JPEG';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'GIF';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'WebP';
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return 'TIFF';
  if (/^....ftypavi[fs]/s.test(text)) return 'AVIF';
  if (text.startsWith('BM') && text.length > 26) return 'BMP';
  if (/^P[1-6][\s#]/.test(text)) return 'Netpbm';
  throw new BadPicture('format', `not a picture${guess(text)}; JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP and PPM are read`);
}

function guess(text: string): string {
  if (text === '') return ': the file is empty';
  if (text.startsWith('PK') || text.startsWith('\x80\x02\x8a\x0a')) return ' but a file like those of torch.save';
  if (/^....ftyp(hei|mif|msf)/s.test(text)) return ' of a form that is read (HEIC)';
  if (text.startsWith('%PDF')) return ' but a PDF document';
  if (/<svg[\s>]/i.test(text)) return ' of pixels but an SVG drawing';
  if (/^\s*(<!doctype html|<html)/i.test(text)) return ' but a web page';
  if (text.startsWith('version https://git-lfs.')) return ' but a Git LFS pointer; fetch it with git lfs pull';
  if (/^[\t\n\r\x20-\x7e]*$/.test(text)) return ' but text';
  return '';
}
