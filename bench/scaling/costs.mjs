/** What a step of each DenseNet costs in arithmetic, memory traffic and communication, told by the networks themselves. */

/** Pictures of the step that is counted, for each process. */
export const BATCH = 64;

const FLOAT = 4;

/** The networks of the paper and of torchvision, with the side of their pictures. */
export function networks({ models }) {
  const cifar = { 'densenet-bc-40-12': { depth: 40 }, ...models.CIFAR_DENSENETS };
  return [
    ...Object.entries(cifar).map(([name, form]) => ({
      name,
      side: 32,
      make: (efficient) => models.cifarDenseNet({ ...form, efficient }),
    })),
    ...['densenet121', 'densenet161', 'densenet169', 'densenet201', 'densenet264'].map((name) => ({
      name,
      side: 224,
      make: (efficient) => models[name]({ efficient }),
    })),
  ];
}

/** The layer whose input, the pictures, gets no gradient. */
const FIRST = 'DenseNet.features.conv0';

/** Operations of each module. */
const flopsOf = (counter) =>
  new Map(
    [...counter.getFlopCounts()].map(([name, counts]) => [name, [...counts.values()].reduce((a, b) => a + b, 0)]),
  );

const product = (sizes) => sizes.reduce((all, each) => all * each, 1);

/**
 * Elements that an operator of forward and its backward read and write, each operand once for each pass over it, in float32 and
 * without caches.
 */
const TRAFFIC = {
  'aten::convolution': (x, w, _bias, stride) => {
    const out = (x[0] * w[0] * product(x.slice(2))) / product(stride);
    return 3 * (product(x) + product(w) + out); // the output, the gradient of the input, the gradient of the weight
  },
  'aten::batch_norm': (x) => 8 * product(x), // moments, then values: 3; backward the same with two inputs: 5
  'aten::relu': (x) => 5 * product(x),
  'aten::relu_': (x) => 5 * product(x),
  'aten::cat': (list) => 5 * list.reduce((all, each) => all + product(each), 0), // backward adds gradients up
  'aten::max_pool2d': (x) => 2.5 * product(x),
  'aten::avg_pool2d': (x) => 2.5 * product(x),
};

/** Arithmetic and traffic of a step of {@link BATCH} pictures. The model is on the meta device: sizes alone are computed. */
function arithmetic({ nn, noGrad, scope, zeros }, model, side) {
  const count = (formulas) => {
    const counter = new nn.FlopCounter({ formulas });
    const images = () => zeros([BATCH, 3, side, side], { device: 'meta' });
    scope(() => noGrad(() => counter.run(() => void model.call(images()))));
    return counter;
  };
  const counter = count({});
  const layers = flopsOf(counter);
  let [bytes, operators] = [0, 0];
  const noting = (elements) => {
    bytes += FLOAT * elements;
    operators += 1;
    return 0;
  };
  count(
    Object.fromEntries(Object.entries(TRAFFIC).map(([name, formula]) => [name, (...args) => noting(formula(...args))])),
  );
  const forward = counter.getTotalFlops();
  // Backward computes two products for each of forward's, but for the gradient of the pictures.
  const backward = 2 * forward - layers.get(FIRST);
  return { forward, backward, flops: forward + backward, layers, bytes, operators };
}

/**
 * The buckets under DistributedDataParallel, from two iterations with small pictures: the order in which gradients come does not
 * depend on the size of the pictures.
 */
function bucketsOf({ distributed, nn, randn, scope }, model, side) {
  const order = [];
  for (const [name, parameter] of model.namedParameters()) {
    parameter.registerPostAccumulateGradHook(() => void order.push(name));
  }
  const parallel = new distributed.DistributedDataParallel(model);
  const small = side === 32 ? 8 : 32;
  const forward = () => parallel.call(randn([2, 3, small, small]));
  const [step, second] = [new nn.FlopCounter(), new nn.FlopCounter()];
  scope(() => step.run(() => forward().sum().backward()));
  scope(() => second.run(() => void forward())); // makes the buckets anew
  const buckets = parallel.buckets();
  parallel.dispose();
  // The rule by which `arithmetic` knows backward, without which it would need the memory of a batch.
  const rule =
    3 * second.getTotalFlops() - flopsOf(second).get(FIRST.replace('DenseNet.', 'DistributedDataParallel.module.'));
  if (step.getTotalFlops() !== rule) throw new Error(`a step has ${step.getTotalFlops()} operations, not ${rule}`);
  const sizes = new Map(model.namedParameters().map(([name, each]) => [name, each.numel()]));
  const arrived = order.map((name) => sizes.get(name));
  // What says when a bucket is ready below must be about the tensors that are in it.
  if (String(arrived) !== String(buckets.flat())) throw new Error('buckets are not in the order of the gradients');
  return { order, buckets };
}

/** The part of backward's arithmetic that is done when each bucket is full. */
function readiness({ order, buckets }, { layers, backward }) {
  const ready = [];
  let [done, next] = [0, 0];
  for (const bucket of buckets) {
    for (const name of order.slice(next, next + bucket.length)) {
      const layer = `DenseNet.${name.replace(/\.[^.]+$/, '')}`;
      const gradients = layer === FIRST ? 1 : 2;
      if (name.endsWith('.weight')) done += gradients * (layers.get(layer) ?? 0);
    }
    next += bucket.length;
    ready.push(done / backward);
  }
  return ready;
}

/**
 * All that is known of a network's step. There must be a process group, of one process.
 * @param network one of {@link networks}.
 */
export function costsOf(torchbridge, { name, side, make }, efficient = 'none') {
  const model = make(efficient);
  const tensors = [...model.parameters(), ...model.buffers()];
  try {
    const arrival = bucketsOf(torchbridge, model, side);
    const buffers = model.buffers();
    const counts = { buffers: buffers.length, tensors: model.parameters().length };
    const bufferBytes = [...new Set(buffers.map(({ dtype }) => dtype))].map((dtype) =>
      buffers.filter((each) => each.dtype === dtype).reduce((sum, each) => sum + each.numel() * each.itemsize, 0),
    );
    const channels = model
      .namedParameters()
      .filter(([each]) => /norm[^.]*\.bias$/.test(each))
      .reduce((sum, [, each]) => sum + each.numel(), 0);
    model.to('meta');
    const sums = arithmetic(torchbridge, model, side);
    return {
      name,
      side,
      parameters: model.parameters().reduce((sum, each) => sum + each.numel(), 0),
      ...counts,
      norms: counts.buffers / 3,
      channels,
      /** Bytes of each broadcast before a forward: one for the floats, one for the counts. */
      bufferBytes,
      /** Bytes of each bucket, in the order in which they are reduced. */
      buckets: arrival.buckets.map((bucket) => FLOAT * bucket.reduce((sum, each) => sum + each, 0)),
      ready: readiness(arrival, sums),
      ...sums,
    };
  } finally {
    for (const each of tensors) each.dispose();
  }
}
