/** What a device must do, one line of JSON for each: run by gpu-check in a process of its own. */
const at = (name) => new URL(`../../dist/lib/${name}.js`, import.meta.url).href;
const torch = await import(at('tensor/index'));
const { functional, Linear } = await import(at('nn/index'));
const { GradScaler, SGD } = await import(at('optim/index'));
const { cuda, full, manualSeed, noGrad, randn, scope, tensor, zeros } = torch;

const device = process.argv[2];
const onCuda = device.startsWith('cuda');
const check = (fine, what = 'not as expected') => {
  if (!fine) throw new Error(what);
};
const same = (a, b) =>
  check(JSON.stringify(a) === JSON.stringify(b), `${JSON.stringify(a)} beside ${JSON.stringify(b)}`);

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
  'a recorded step draws other random numbers at each replay, and follows the learning rate': () => {
    const weight = torch.ones([4], { device, requiresGrad: true });
    const lr = tensor(0.5, { device });
    const optimizer = new SGD([weight], { lr, momentum: 0.9, fused: true });
    const x = torch.ones([1000], { device });
    const work = (input) => {
      const dropped = functional.dropout(input, { p: 0.5 });
      weight.sum().backward();
      optimizer.step();
      return [dropped];
    };
    scope(() => void work(x));
    const step = cuda.makeGraphedStep(work, [x], { beforeCapture: () => optimizer.zeroGrad() });
    const one = step(x)[0].to('cpu').toArray().join();
    check(one !== step(x)[0].to('cpu').toArray().join(), 'the same elements were dropped twice');
    noGrad(() => lr.fill_(0));
    const before = weight.detach().to('cpu').toArray();
    step(x);
    same(weight.detach().to('cpu').toArray(), before);
    step.dispose();
  },
  'what cannot be recorded is explained': () => {
    let error;
    try {
      cuda.graph(new cuda.CUDAGraph(), () => full([1], 1, { device }).item());
    } catch (caught) {
      error = caught;
    }
    check(/While a graph is recorded/.test(String(error)), String(error));
    same(full([1], 2, { device }).item(), 2);
  },
};

const cudaName = () => (device === 'cuda' ? `cuda:${cuda.currentDevice()}` : device);
for (const [name, test] of Object.entries(onCuda ? { ...everywhere, ...withCuda } : everywhere)) {
  try {
    scope(test);
    console.log(JSON.stringify({ name, ok: true }));
  } catch (error) {
    console.log(
      JSON.stringify({
        name,
        ok: false,
        error: String(error?.stack ?? error)
          .split('\n')
          .slice(0, 4)
          .join(' | '),
      }),
    );
  }
}
