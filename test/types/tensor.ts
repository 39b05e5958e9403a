/** Compiled, never run: what the types of tensors and operators allow, and what they refuse. */
import { type DType, nn, ops, optim, Tensor, tensor, zeros } from '../../lib/index.js';

const a: Tensor = tensor([[1, 2]]);

// Right uses.
export const sums: Tensor[] = [a.sum(), a.sum(0), a.sum([0, 1], true), a.sum(1, { keepdim: true })];
export const [values, indices]: [Tensor, Tensor] = a.topk(1, { dim: 0 });
export const inPlace: Tensor = a.add_(1).mul_(a);
export const joined: Tensor = ops.cat([a, a], 1);
export const named: Tensor = ops.softmax(a, 1, { dtype: 'float64' });
export const raw: Tensor = ops.aten<Tensor>('add.Tensor', a, a, { alpha: 2n });
export const same: boolean = ops.equal(a, a);
export const parts: Tensor[] = a.split([1], 0);
export const dtype: DType = a.dtype;
export const layers = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU({ inplace: true }));
export const sgd = new optim.SGD(layers.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true });

class Scaled extends nn.Module {
  scale = new nn.Parameter(zeros([1]));
  forward(x: Tensor): Tensor {
    return x.mul(this.scale);
  }
}
export const scaled = new Scaled();

// Wrong ones.
// @ts-expect-error a text is no tensor and no number
a.add('x');
// @ts-expect-error no dtype of PyTorch
zeros([2], { dtype: 'float31' });
// @ts-expect-error options have names
zeros([2], { typo: 'float32' });
// @ts-expect-error topk needs k
a.topk();
// @ts-expect-error a list of tensors is expected
ops.cat(a, 1);
// @ts-expect-error no operator of that name
export const missing: unknown = ops.catt;
// @ts-expect-error shapes are lists
zeros('2');
// @ts-expect-error an undefined dtype of the result
ops.softmax(a, 1, { dtype: 3 });
// @ts-expect-error layers need their sizes
new nn.Linear(2);
// @ts-expect-error options are one bag of named fields, never a third number
new nn.Conv2d(1, 2, 3);
// @ts-expect-error lr is a number or a tensor
new optim.SGD(layers.parameters(), { lr: '0.1' });
// @ts-expect-error an option that SGD does not have
new optim.SGD(layers.parameters(), { lr: 0.1, beta: 0.9 });
// @ts-expect-error shape is read only
a.shape = [2];
