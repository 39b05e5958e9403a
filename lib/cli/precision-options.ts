import { Option } from '@commander-js/extra-typings';
import { AMP_NAMES } from '../train/precision-names.js';
import { choice } from './values.js';

/** @param usual what is taken where it is not given. */
export const ampOption = (usual: string) =>
  new Option(
    '--amp <dtype>',
    `automatic mixed precision: ${AMP_NAMES.join(', ')}; fp16 trains with a GradScaler (default: ${usual})`,
  ).argParser(choice('--amp', AMP_NAMES));

/** @param usual what is taken where it is not given; empty for no. */
export const channelsLastOption = (usual = '') =>
  new Option(
    '--channels-last',
    `lay pictures and convolutions out with their channels last${usual === '' ? '' : ` (default: ${usual})`}`,
  );
