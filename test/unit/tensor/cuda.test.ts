/** What torch.cuda answers where there is no device, and the switches of its libraries; with a device scripts/gpu-check says more. */
import assert from 'node:assert/strict';
import {
  backends,
  cuda,
  getFloat32MatmulPrecision,
  memory,
  setFloat32MatmulPrecision,
  TorchError,
  zeros,
} from '../../../lib/tensor/index.js';

const { cudnn } = backends;

describe('cuda', () => {
  before(function () {
    // Everything below is about machines without one.
    if (cuda.isAvailable()) this.skip();
  });

  it('answers as PyTorch does', () => {
    assert.deepEqual([cuda.isAvailable(), cuda.deviceCount(), cuda.isBf16Supported()], [false, 0, false]);
    assert.deepEqual([cuda.memoryAllocated(), cuda.maxMemoryAllocated(), cuda.memoryReserved()], [0, 0, 0]);
    assert.deepEqual([cuda.memoryStats(), cuda.getRngStateAll()], [{}, []]);
    const { tensors } = memory();
    assert.deepEqual(memory('cuda'), { tensors, bytes: 0, peakBytes: 0, limit: null });
    cuda.emptyCache();
    cuda.manualSeed(1);
    cuda.manualSeedAll(1n);
    cuda.setRngStateAll([]);
  });

  it('says in one line why there is none', () => {
    const reason = cuda.whyNotAvailable() ?? '';
    assert.match(
      reason,
      cuda.isBuilt() ? /^the CUDA driver / : /^this libtorch was built without CUDA: `torchbridge fetch/,
    );
    const calls: (() => unknown)[] = [
      () => cuda.currentDevice(),
      () => {
        cuda.setDevice(0);
      },
      () => cuda.withDevice('cuda:1', () => 1),
      () => {
        cuda.synchronize();
      },
      () => cuda.getDeviceName(),
      () => cuda.getDeviceCapability(0),
      () => cuda.memGetInfo(),
      () => {
        cuda.resetPeakMemoryStats();
      },
      () => {
        cuda.setPerProcessMemoryFraction(0.5);
      },
      () => cuda.getRngState(),
      () => cuda.initialSeed(),
      () => cuda.Stream.create(),
      () => cuda.Stream.current(),
      () => new cuda.Event({ enableTiming: true }),
      () => new cuda.CUDAGraph(),
      () => cuda.makeGraphedStep((x) => [x], [zeros([1])]),
    ];
    for (const call of calls) {
      assert.throws(call, (error: unknown) => {
        assert.ok(error instanceof TorchError, String(error));
        assert.deepEqual([error.code, error.message], ['device', `Expected a CUDA device but found none: ${reason}`]);
        return true;
      });
    }
    assert.throws(() => {
      cuda.setPerProcessMemoryFraction(2);
    }, /^TorchError: Invalid fraction value: 2\. Allowed range: 0~1$/);
  });

  it('asks the driver, whatever libtorch is linked', () => {
    const { failure, version, devices } = cuda.driver();
    assert.ok(failure === null || /libcuda|cuInit/.test(failure), String(failure));
    assert.ok(version === null || /^\d+\.\d$/.test(version));
    if (failure !== null) assert.deepEqual(devices, []);
  });
});

describe('backends', () => {
  it('reads and sets the switches of cuDNN and of matrix products', () => {
    const defaults = { enabled: true, benchmark: false, deterministic: false, allowTf32: true };
    for (const [name, usual] of Object.entries(defaults) as [keyof typeof defaults, boolean][]) {
      assert.equal(cudnn[name], usual, name);
      cudnn[name] = !usual;
      assert.equal(cudnn[name], !usual, name);
      cudnn[name] = usual;
    }
    assert.ok(cudnn.version() === null || cuda.isBuilt());
    assert.equal(backends.cuda.matmul.allowTf32, false);
  });

  it('has one precision of matrix products under two names', () => {
    assert.equal(getFloat32MatmulPrecision(), 'highest');
    setFloat32MatmulPrecision('high');
    assert.deepEqual([getFloat32MatmulPrecision(), backends.cuda.matmul.allowTf32], ['high', true]);
    setFloat32MatmulPrecision('highest');
    assert.deepEqual([getFloat32MatmulPrecision(), backends.cuda.matmul.allowTf32], ['highest', false]);
    assert.throws(() => {
      setFloat32MatmulPrecision('low' as never);
    }, /^TorchError: Expected highest, high or medium for the float32 matmul precision but received low$/);
  });
});
