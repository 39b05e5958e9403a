import { Softmax, type Module } from '../nn/index.js';
import { TorchError } from '../tensor/index.js';

/** What the networks of the notes have in common. Their defaults are one channel and ten classes, as of Fashion-MNIST. */
export interface NotesOptions {
  /** Channels of a picture; default 1. */
  readonly inChannels?: number;
  /** Default 10. */
  readonly numClasses?: number;
  /** Whether a Softmax stands at the end, as in the notes: without it the outputs are logits, as `crossEntropy` takes them. Default true. */
  readonly softmax?: boolean;
}

/** The Softmax at the end, where one is wanted. */
export function ending({ softmax = true }: NotesOptions): Module[] {
  return softmax ? [new Softmax({ dim: 1 })] : [];
}

/** @throws TorchError `value` for what is no positive integer. */
export function checkCounts(network: string, counts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(counts)) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (Number.isSafeInteger(each) && (each as number) > 0) continue;
      throw new TorchError(
        'value',
        `Expected ${Array.isArray(value) ? 'positive integers' : 'a positive integer'} for ${name} of ${network} but received ${String(value)}`,
      );
    }
  }
}
