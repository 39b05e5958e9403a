/** What a device must do, one line of JSON for each: run by gpu-check in a process of its own. */
import { check, runTests, same } from './check.mjs';

const at = (name) => new URL(`../../dist/lib/${name}.js`, import.meta.url).href;
const torch = await import(at('tensor/index'));
const { functional, Linear } = await import(at('nn/index'));
const { GradScaler, SGD } = await import(at('optim/index'));
const { cuda, full, keep, manualSeed, randn, scope, tensor, zeros } = torch;

const device = process.argv[2];
const onCuda = device.startsWith('cuda');

const everywhere = {
  'tensors go there and back': () => same(tensor([1, 2, 3]).to(device).mul(2).to('cpu').toArray(), [2, 4, 6]),
  'the seed sets the generator of the device': () => {
    const draw = () => (manualSeed(7), randn([4], { device }).to('cpu').toArray());
    same(draw(), draw());
  },
  'a generator of its own draws there': () => {
    const draw = () =>
      randn([4], { device, generator: new torch.Generator({ device }).manualSeed(3) })
        .to('cpu')
        .toArray();
    same(draw(), draw());
  },
  'a checkpoint has the gradients and the dropout of plain layers': () => {
    const run = (wrap) => {
      manualSeed(5);
      const x = randn([8, 16]).to(device).requiresGrad_();
      const layer = (h) => functional.dropout(h.mul(h), { p: 0.5 });
      wrap(layer, x).sum().backward();
      return x.grad.to('cpu').toArray();
    };
    const plain = run((layer, x) => layer(x));
    for (const useReentrant of [false, true])
      same(
        run((layer, x) => torch.checkpoint(layer, x, { useReentrant })),
        plain,
      );
  },
  'layers that save memory have the losses of plain ones, with hooks': async () => {
    const { cifarDenseNet } = await import(at('models/cifar-densenet'));
    const train = (efficient, hooked) =>
      scope(() => {
        manualSeed(9);
        const net = cifarDenseNet({ depth: 10, growthRate: 4, efficient });
        const [x, y] = [randn([4, 3, 16, 16]).to(device), torch.randint(0, 10, [4], { dtype: 'int64' }).to(device)];
        net.to({ device });
        net.train();
        let calls = 0;
        if (hooked)
          for (const each of net.modules())
            if (each.className() === 'BatchNorm2d') each.registerForwardHook(() => void (calls += 1));
        const optimizer = new SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
        const losses = [];
        for (let i = 0; i < 4; i++) {
          optimizer.zeroGrad();
          const loss = functional.crossEntropy(net.call(x), y);
          loss.backward();
          optimizer.step();
          losses.push(loss.item());
        }
        check(!hooked || calls > 0, 'no hook was called');
        return losses;
      });
    torch.useDeterministicAlgorithms(true);
    const plain = train('none', false);
    for (const efficient of ['checkpoint', 'shared'])
      for (const hooked of [false, true]) same(train(efficient, hooked), plain);
    torch.useDeterministicAlgorithms(false);
  },
  'hooks reach JavaScript from the backward pass': () => {
    const x = full([2], 3, { device, requiresGrad: true });
    let seen = null;
    x.registerHook((grad) => void (seen = grad.to('cpu').toArray()));
    x.mul(2).sum().backward();
    same(seen, [2, 2]);
  },
  'float16 trains with a scaler': () => {
    manualSeed(1);
    const net = new Linear(8, 2);
    net.to({ device });
    const optimizer = new SGD(net.parameters(), { lr: 0.1 });
    const scaler = new GradScaler(device.split(':')[0]);
    const x = randn([4, 8], { device });
    const loss = torch.autocast(device, { dtype: 'float16' }, () => net.call(x).pow(2).mean());
    scaler.scale(loss).backward();
    scaler.step(optimizer);
    scaler.update();
    check(scaler.getScale() > 0 && Number.isFinite(loss.item()));
  },
};

const withCuda = {
  'statistics count tensors to the block': () => {
    const before = cuda.memoryAllocated();
    const x = zeros([1 << 20], { device });
    same(cuda.memoryAllocated() - before, 4 << 20);
    x.dispose();
    same(cuda.memoryAllocated(), before);
  },
  'out of memory says what was asked for, and the process goes on': () => {
    let error;
    try {
      zeros([1 << 20, 1 << 20], { device });
    } catch (caught) {
      error = caught;
    }
    check(error instanceof torch.OutOfMemoryError, String(error));
    same([error.code, error.device, error.requested], ['memory', cudaName(), 2 ** 42]);
    same(full([1], 5, { device }).item(), 5);
  },
  'events measure, streams wait for one another': () => {
    const [start, end] = [new cuda.Event({ enableTiming: true }), new cuda.Event({ enableTiming: true })];
    const side = cuda.Stream.create(device);
    side.waitStream(cuda.Stream.current());
    const y = cuda.withStream(side, () => {
      start.record();
      const product = randn([1024, 1024], { device }).mm(randn([1024, 1024], { device }));
      end.record();
      return product;
    });
    cuda.Stream.current().waitStream(side);
    cuda.recordStream(y, cuda.Stream.current());
    end.synchronize();
    check(start.elapsedTime(end) > 0 && Number.isFinite(y.sum().item()));
  },
  'pinned tensors are copied without waiting': () => {
    const x = randn([1 << 16]).pinMemory();
    check(x.isPinned());
    const there = x.to({ device, nonBlocking: true });
    cuda.synchronize();
    same(there.to('cpu').equal(x), true);
  },
  'states of the generator come back': () => {
    const state = cuda.getRngState();
    const first = randn([4], { device }).to('cpu').toArray();
    cuda.setRngState(state);
    same(randn([4], { device }).to('cpu').toArray(), first);
  },
  'the limit of the allocator is kept': () => {
    cuda.emptyCache();
    cuda.setPerProcessMemoryFraction(0.01);
    try {
      let refused = false;
      try {
        zeros([Math.floor(cuda.memGetInfo()[1] / 4 / 10)], { device });
      } catch (error) {
        refused = error instanceof torch.OutOfMemoryError;
      }
      check(refused, 'a tenth of the memory was given though a hundredth is the limit');
    } finally {
      cuda.setPerProcessMemoryFraction(1);
    }
  },
  'batches travel in a stream of their own while the device works': async () => {
    const { Prefetcher } = await import(at('data/prefetcher'));
    const list = Array.from({ length: 6 }, (_, i) => keep(full([1 << 20], i)));
    let given = 0;
    const source = {
      next: () =>
        given === list.length
          ? { done: true, value: undefined }
          : { done: false, value: [list[given].clone(), tensor([BigInt(given++)])] },
      state: () => ({ batches: given, samplerSeed: null, generatorState: null }),
    };
    const batches = new Prefetcher(source, { device });
    const busy = keep(randn([4096, 4096], { device }));
    const sums = [];
    for (;;) {
      const over = scope(() => {
        const next = batches.next();
        if (next.done) return true;
        const [x, y] = next.value;
        same([x.device, y.device], [cudaName(), cudaName()]);
        for (let i = 0; i < 5; i++) busy.mm(busy);
        sums.push(keep(x.sum().add(y.sum())));
        return false;
      });
      if (over) break;
      await batches.prefetch();
    }
    await batches.close();
    same(
      sums.map((each) => each.item()),
      list.map((_, i) => i * (1 << 20) + i),
    );
    for (const each of [...list, ...sums, busy]) each.dispose();
  },
  'a loader pins its batches': async () => {
    const { DataLoader } = await import(at('data/data-loader'));
    const dataset = { length: 4, batch: (indices) => [randn([indices.length, 3]), tensor(indices.map(BigInt))] };
    for (const [x, y] of new DataLoader(dataset, { batchSize: 2, pinMemory: true })) {
      check(x.isPinned() && y.isPinned());
      x.dispose();
      y.dispose();
    }
  },
  'memory is freed with the scope': () => {
    const before = cuda.memoryAllocated();
    scope(() => void randn([1 << 20], { device }).mul(2));
    same(cuda.memoryAllocated(), before);
  },
  'switches of TensorFloat32 change products': () => {
    const a = randn([512, 512], { device });
    const product = (on) => {
      torch.backends.cuda.matmul.allowTf32 = on;
      const out = a.mm(a).to('cpu').toArray().flat();
      torch.backends.cuda.matmul.allowTf32 = false;
      return out;
    };
    const [narrow, wide] = [product(true), product(false)];
    const differ = narrow.some((value, i) => value !== wide[i]);
    same(differ, cuda.getDeviceCapability()[0] >= 8);
  },
};

const cudaName = () => (device === 'cuda' ? `cuda:${cuda.currentDevice()}` : device);
await runTests(onCuda ? { ...everywhere, ...withCuda } : everywhere, scope);
