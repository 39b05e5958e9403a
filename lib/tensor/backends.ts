import { native } from '../native/load.js';

/** Switches of cuDNN. @see torch.backends.cudnn */
export const cudnn = {
  /** Whether cuDNN is used at all; default true. */
  get enabled(): boolean {
    return native.getSwitch('cudnn.enabled');
  },
  set enabled(on: boolean) {
    native.setSwitch('cudnn.enabled', on);
  },
  /** Whether the ways to compute a convolution are timed when it is first met; default false. */
  get benchmark(): boolean {
    return native.getSwitch('cudnn.benchmark');
  },
  set benchmark(on: boolean) {
    native.setSwitch('cudnn.benchmark', on);
  },
  /** Whether only those are taken whose results are the same in every run; default false. */
  get deterministic(): boolean {
    return native.getSwitch('cudnn.deterministic');
  },
  set deterministic(on: boolean) {
    native.setSwitch('cudnn.deterministic', on);
  },
  /** Whether convolutions of float32 may be computed in TensorFloat32; default true. */
  get allowTf32(): boolean {
    return native.getSwitch('cudnn.allowTf32');
  },
  set allowTf32(on: boolean) {
    native.setSwitch('cudnn.allowTf32', on);
  },
  /** As 92400 for 9.24; null without cuDNN. */
  version(): number | null {
    const version = native.cudnnVersion();
    return version < 0 ? null : version;
  },
};

/** Switches of CUDA's products of matrices. @see torch.backends.cuda.matmul */
const matmul = {
  /** Whether those of float32 may be computed in TensorFloat32; default false. */
  get allowTf32(): boolean {
    return native.getSwitch('matmul.allowTf32');
  },
  set allowTf32(on: boolean) {
    native.setSwitch('matmul.allowTf32', on);
  },
};

/** @see torch.backends.cuda */
export const cuda = { matmul };
