/** What recorded steps must do on a device, one line of JSON for each: run by gpu-check in a process of its own. */
import { check, runTests, same } from './check.mjs';

const at = (name) => new URL(`../../dist/lib/${name}.js`, import.meta.url).href;
const torch = await import(at('tensor/index'));
const { clipGradNorm, functional } = await import(at('nn/index'));
const { GradScaler, SGD } = await import(at('optim/index'));
const { cifarDenseNet } = await import(at('models/cifar-densenet'));
const { DenseNet } = await import(at('models/densenet'));
const { GraphedTraining } = await import(at('train/graphed-training'));
const { Precision } = await import(at('train/precision'));
const { CudaRecorder } = await import(at('tensor/cuda/recorder'));
const { autocast, backends, cuda, full, manualSeed, noGrad, ones, randint, randn, scope, tensor } = torch;

const device = process.argv[2];
torch.useDeterministicAlgorithms(true);
backends.cudnn.deterministic = true;
const sgd = { momentum: 0.9, nesterov: true, weightDecay: 1e-4 };
const [BATCH, STEPS] = [4, 9];
/** Every fifth batch is smaller, and after six steps the learning rate falls. */
const sizeOf = (i) => (i % 5 === 4 ? 3 : BATCH);
const rateOf = (i) => (i < 6 ? 0.1 : 0.01);

function build({ efficient = 'none', imagenet = false, channelsLast = false, amp = 'none' }) {
  manualSeed(3);
  const small = { growthRate: 4, blockConfig: [2, 2], numInitFeatures: 8, numClasses: 10 };
  const model = imagenet
    ? new DenseNet({ ...small, efficient })
    : cifarDenseNet({ depth: 10, growthRate: 4, efficient });
  const side = imagenet ? 64 : 16;
  const batches = Array.from({ length: STEPS }, (_, i) => [
    randn([sizeOf(i), 3, side, side]),
    randint(0, 10, [sizeOf(i)], { dtype: 'int64' }),
  ]);
  const precision = new Precision({ device, amp, channelsLast });
  model.to({ device });
  precision.prepare(model);
  model.train();
  return { model, batches: batches.map(([x, y]) => [precision.input(x), y.to(device)]), precision };
}

/** Weights, statistics and losses as text. */
const result = (model, losses) => [
  losses,
  [...model.stateDict()].map(([name, value]) => [name, [...value.to('cpu').contiguous().bytes()].join()]),
];

function eager(settings) {
  const { model, batches } = build(settings);
  const { amp = 'none', clip } = settings;
  const lr = tensor(0.1, { device });
  const optimizer = new SGD(model.parameters(), { ...sgd, lr, fused: true });
  const scaler = new GradScaler('cuda', { enabled: amp === 'fp16' });
  const losses = batches.map(([x, y], i) =>
    scope(() => {
      noGrad(() => lr.fill_(rateOf(i)));
      optimizer.zeroGrad();
      const forward = () => functional.crossEntropy(model.call(x), y);
      const dtype = amp === 'bf16' ? 'bfloat16' : 'float16';
      const loss = amp === 'none' ? forward() : autocast(device, { dtype }, forward);
      scaler.scale(loss).backward();
      if (clip !== undefined) {
        scaler.unscale_(optimizer);
        clipGradNorm(model.parameters(), clip);
      }
      scaler.step(optimizer);
      scaler.update();
      return loss.item();
    }),
  );
  scaler.dispose();
  return result(model, losses);
}

function recorded(settings) {
  const { model, batches, precision } = build(settings);
  const optimizer = new SGD(model.parameters(), { ...sgd, lr: 0.1, fused: true });
  const scaler = precision.scaler();
  const objective = { labelSmoothing: 0, accumulate: 1, clipGradNorm: settings.clip ?? null };
  const recorder = new CudaRecorder(device);
  const steps = new GraphedTraining({ model, optimizer, objective, scaler, precision, batchSize: BATCH, recorder });
  const held = [];
  const losses = batches.map(([x, y], i) =>
    scope(() => {
      for (const group of optimizer.paramGroups) group.lr = rateOf(i);
      const loss = steps.step(x, y).loss.item();
      if (steps.isRecorded) held.push(cuda.memoryAllocated(device));
      return loss;
    }),
  );
  check(steps.isRecorded, 'nothing was recorded');
  check(new Set(held.slice(-3)).size === 1, `memory moves: ${held.join()}`);
  const outcome = result(model, losses);
  steps.dispose();
  scaler?.dispose();
  return outcome;
}

/** Names what differs, not the values. */
function sameBits(a, b) {
  same(a[0], b[0]);
  const different = a[1].filter(([name, bytes], i) => b[1][i][0] !== name || b[1][i][1] !== bytes);
  check(different.length === 0, `these differ: ${different.map(([name]) => name).join()}`);
}

const SETTINGS = {
  'float32, a smaller batch between, a learning rate that falls': {},
  'a clipped norm': { clip: 0.5 },
  bfloat16: { amp: 'bf16' },
  'bfloat16, channels last': { amp: 'bf16', channelsLast: true },
  'float16 with a scaler': { amp: 'fp16' },
  'efficient: shared': { efficient: 'shared' },
  'efficient: checkpoint, reentrant': { efficient: 'checkpoint' },
  'efficient: checkpoint, not reentrant': { efficient: 'checkpoint', imagenet: true },
};

const tests = {
  'a recorded step computes on other inputs': () => {
    const x = tensor([1, 2, 3], { device });
    scope(() => void x.mul(2).add(1)); // libraries are loaded before something is recorded
    const step = cuda.makeGraphedStep((input) => [input.mul(2).add(1)], [x]);
    same(step(x)[0].to('cpu').toArray(), [3, 5, 7]);
    same(
      step(tensor([4, 5, 6], { device }))[0]
        .to('cpu')
        .toArray(),
      [9, 11, 13],
    );
    check(!cuda.isCurrentStreamCapturing());
    step.dispose();
  },
  'a recorded step draws other random numbers at each replay, and follows the learning rate': () => {
    const weight = ones([4], { device, requiresGrad: true });
    const lr = tensor(0.5, { device });
    const optimizer = new SGD([weight], { lr, momentum: 0.9, fused: true });
    const x = ones([1000], { device });
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
  'the seed decides what replays draw': () => {
    const x = ones([1000], { device });
    scope(() => void functional.dropout(x, { p: 0.5 }));
    const step = cuda.makeGraphedStep((input) => [functional.dropout(input, { p: 0.5 })], [x]);
    const draw = () => (manualSeed(7), step(x)[0].to('cpu').toArray().join());
    same(draw(), draw());
    step.dispose();
  },
  'what cannot be recorded is explained, and the process goes on': () => {
    let error;
    try {
      cuda.graph(new cuda.CUDAGraph(), () => full([1], 1, { device }).item());
    } catch (caught) {
      error = caught;
    }
    check(/While a graph is recorded/.test(String(error)), String(error));
    check(!String(error.message).includes('\n'), 'more than a line');
    same(full([1], 2, { device }).item(), 2);
  },
  'a recorded step is released with its memory': () => {
    const before = cuda.memoryAllocated(device);
    scope(() => {
      const x = ones([1 << 20], { device });
      const step = cuda.makeGraphedStep((input) => [input.mul(2)], [x]);
      step(x);
      step.dispose();
    });
    same(cuda.memoryAllocated(device), before);
  },
};
for (const [name, settings] of Object.entries(SETTINGS))
  tests[`recorded training has the bits of eager training: ${name}`] = () => {
    sameBits(recorded(settings), eager(settings));
  };

await runTests(tests, scope);
