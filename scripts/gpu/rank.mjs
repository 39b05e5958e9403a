/**
 * One rank of a job of gpu-check, started with the variables that launchers set: runs programs one after the other and prints a line of JSON
 * for each. rank.py does the same with Python's PyTorch.
 *
 *     node scripts/gpu/rank.mjs '{"backend": "gloo", "device": "cuda:0", "timeout": 60, "programs": [{"program": "objects"}, ...]}'
 *
 * It imports nothing that needs a package.
 */
const at = (name) => new URL(`../../dist/lib/${name}.js`, import.meta.url).href;
const torch = await import(at('tensor/index'));
const { functional, Linear, Module } = await import(at('nn/index'));
const { SGD } = await import(at('optim/index'));
const { cifarDenseNet } = await import(at('models/cifar-densenet'));
const d = await import(at('distributed/index'));
const { backends, cuda, full, Generator, manualSeed, ops, randint, randn, scope, tensor } = torch;

const { backend, device: places, bound, timeout, programs } = JSON.parse(process.argv[2]);
const rank = Number(process.env.RANK);
const device = Array.isArray(places) ? places[rank] : places;
const onCuda = device.startsWith('cuda');
const say = (value) => void process.stdout.write(`${JSON.stringify(value)}\n`);

class WithSpare extends Module {
  constructor(net) {
    super();
    this.net = net;
    this.spare = new Linear(3, 5);
  }
  forward(x) {
    return this.net.call(x);
  }
}

const bytesOf = (value) => Buffer.from(value.detach().to('cpu').contiguous().bytes());
const joined = (tensors) => Buffer.concat(tensors.map(bytesOf)).toString('base64');

/** Every collective on a few dtypes: name and the bits that came out, or why not. */
function collectives({ dtypes, only }, size) {
  const results = {};
  const root = size - 1;
  const one = (dtype, salt) =>
    tensor(
      [0, 1, 2, 3, 4, 5].map((i) => ((i * 7 + salt * 3) % 5) + 1),
      { dtype: 'int64' },
    )
      .view([2, 3])
      .to(dtype)
      .to(device);
  const kinds = (dtype) => {
    const own = () => one(dtype, rank);
    const every = () => Array.from({ length: size }, (_, i) => one(dtype, rank * size + i));
    const wide = (salt) => ops.cat(Array.from({ length: size }, (_, i) => one(dtype, salt + i)));
    const all = (list) => [list].flat();
    return {
      broadcast: () => all(d.broadcast(own(), { src: root }).wait()),
      ...Object.fromEntries(
        ['sum', 'product', 'min', 'max', 'avg'].map((op) => [
          `allReduce ${op}`,
          () => all(d.allReduce(own(), { op }).wait()),
        ]),
      ),
      allReduceCoalesced: () => all(d.allReduceCoalesced([own(), one(dtype, rank + 1)]).wait()),
      reduce: () =>
        rank === root ? all(d.reduce(own(), { dst: root }).wait()) : (d.reduce(own(), { dst: root }).wait(), []),
      allGather: () => all(d.allGather(every(), own()).wait()),
      allGatherInto: () => all(d.allGatherInto(wide(9), own()).wait()),
      gather: () => {
        const outputs = rank === root ? every() : null;
        d.gather(own(), outputs, { dst: root }).wait();
        return outputs ?? [];
      },
      scatter: () => all(d.scatter(own(), rank === root ? every() : null, { src: root }).wait()),
      reduceScatter: () => all(d.reduceScatter(own(), every()).wait()),
      reduceScatterTensor: () => all(d.reduceScatterTensor(own(), wide(rank)).wait()),
      allToAll: () => {
        const outputs = every().map((each) => ops.zerosLike(each));
        d.allToAll(outputs, every()).wait();
        return outputs;
      },
      allToAllSingle: () => all(d.allToAllSingle(ops.zerosLike(wide(0)), wide(rank)).wait()),
      ...(size > 1 && {
        'send and recv': () => {
          const value = own();
          if (rank === 0) d.send(value, 1).wait();
          if (rank === 1) d.recv(value, 0).wait();
          return [value];
        },
      }),
    };
  };
  for (const dtype of dtypes)
    for (const [name, call] of Object.entries(kinds(dtype))) {
      if (only !== undefined && !only.includes(name)) continue;
      try {
        results[`${name} ${dtype}`] = scope(() => call().map((each) => bytesOf(each).toString('hex')));
      } catch (error) {
        results[`${name} ${dtype}`] = { error: String(error.message).split('\n')[0] };
      }
    }
  d.barrier().wait();
  return { results };
}

async function objects(_, size) {
  const root = size - 1;
  const mine = { rank, list: Array.from({ length: 10 ** (rank + 1) }, (_, i) => i) };
  const all = await d.allGatherObject(mine);
  const gathered = await d.gatherObject(mine, { dst: root });
  const broadcast = await d.broadcastObjectList([rank === root ? mine : null], { src: root });
  const scattered = await d.scatterObjectList(rank === root ? all : null, { src: root });
  await d.barrier();
  return { results: { all, gathered, broadcast, scattered } };
}

/** A small DenseNet-BC for some steps; `after` is called with each. */
function train(job, size, after = () => undefined) {
  const { depth, growth, batch, side, steps, unused = false, accumulate = [] } = job;
  torch.useDeterministicAlgorithms(true);
  backends.cudnn.deterministic = true;
  backends.cudnn.allowTf32 = backends.cuda.matmul.allowTf32 = false;
  // Every rank draws other weights: those of rank 0 win.
  manualSeed(1 + rank);
  const drawn = cifarDenseNet({ depth, growthRate: growth });
  const net = unused ? new WithSpare(drawn) : drawn;
  if (job.sync) d.convertSyncBatchNorm(net);
  net.to({ device });
  const model = new d.DistributedDataParallel(net, {
    ...{ findUnusedParameters: unused, gradientAsBucketView: job.view ?? false, broadcastBuffers: job.buffers ?? true },
  });
  const options = { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 };
  const optimizer = job.zero
    ? new d.ZeroRedundancyOptimizer(model.parameters(), { optimizer: SGD, options })
    : new SGD(model.parameters(), options);
  const generator = new Generator();
  generator.manualSeed(7);
  const losses = [];
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const images = randn([size * batch, 3, side, side], { generator })
        .narrow(0, rank * batch, batch)
        .to(device);
      const labels = randint(0, 10, [size * batch], { generator })
        .narrow(0, rank * batch, batch)
        .to(device);
      const backward = () => {
        const loss = functional.crossEntropy(model.call(images), labels);
        loss.backward();
        losses.push(loss.item());
      };
      optimizer.zeroGrad();
      if (accumulate.includes(step)) model.noSync(backward);
      backward();
      optimizer.step();
    });
    after(step);
  }
  model.dispose();
  const buffers = net.buffers().map((each) => each.to('float64'));
  return { losses, parameters: joined(net.parameters()), buffers: joined(buffers) };
}

/** Milliseconds of an all-reduce of some megabytes of float32. */
function time({ megabytes, warmup, repeats }) {
  const wait = () => (onCuda ? cuda.synchronize(device) : undefined);
  const medians = megabytes.map((size) =>
    scope(() => {
      const values = full([size * 250_000], 1, { device });
      const times = [];
      for (let i = 0; i < warmup + repeats; i++) {
        values.fill_(1);
        d.barrier().wait();
        wait();
        const began = performance.now();
        d.allReduce(values).wait();
        wait();
        if (i >= warmup) times.push(performance.now() - began);
      }
      return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    }),
  );
  return { medians };
}

/** Steps until somebody ends it. */
const endless = (job, size) => train({ ...job, steps: 1e6 }, size, (step) => say({ step }));

const known = { collectives, objects, train, time, endless };

try {
  torch.setNumThreads(1);
  if (onCuda) cuda.setDevice(device);
  const place = { timeout: 1000 * timeout, host: '127.0.0.1', ...(bound && onCuda && { deviceId: device }) };
  const { size } = await d.initProcessGroup({ backend, ...place });
  for (const job of programs) say(await known[job.program](job, size));
  await d.barrier();
  d.destroyProcessGroup();
} catch (error) {
  process.stderr.write(`${String(error?.message ?? error).split('\n')[0]}\n`);
  process.exit(1);
}
