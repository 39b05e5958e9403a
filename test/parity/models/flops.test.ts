import { functional } from '../../../lib/nn/index.js';
import { ones, ops } from '../../../lib/tensor/index.js';
import { parityDescribe } from '../python.js';
import { compareFlops, type FlopCase } from './flops.js';

const network = (name: string, input: readonly number[], chain = false): FlopCase => ({ network: name, input, chain });
const program = (text: string, run: () => unknown): FlopCase => ({
  network: '',
  input: [],
  program: text,
  run: () => void run(),
});
const graded = (shape: number[]) => ones(shape, { requiresGrad: true });

parityDescribe("operations counted as by PyTorch's own counter", function () {
  this.timeout(300_000);

  compareFlops({
    lenet: network('lenet', [2, 1, 32, 32], true),
    nin: network('nin', [1, 1, 80, 80], true),
    'notes-densenet': network('notes-densenet', [2, 1, 64, 64]),
    densenet121: network('densenet121', [2, 3, 32, 32]),
    'densenet-bc-40-12': network('densenet-bc-40-12', [2, 3, 32, 32]),
    resnet18: network('resnet18', [2, 3, 64, 64]),
    googlenet: network('googlenet', [2, 3, 64, 64]),
    'dense-mlp': network('dense-mlp', [8, 330]),
    'one-dimensional convolution with groups': program(
      'a = torch.ones(2, 4, 9, requires_grad=True); w = torch.ones(6, 2, 3, requires_grad=True)\n' +
        'F.conv1d(a, w, stride=2, padding=1, dilation=2, groups=2).sum().backward()',
      () =>
        functional
          .conv1d(graded([2, 4, 9]), graded([6, 2, 3]), { stride: 2, padding: 1, dilation: 2, groups: 2 })
          .sum()
          .backward(),
    ),
    'convolution of which the weight alone learns': program(
      'F.conv3d(torch.ones(1, 2, 5, 6, 7), torch.ones(3, 2, 2, 3, 2, requires_grad=True)).sum().backward()',
      () =>
        functional
          .conv3d(ones([1, 2, 5, 6, 7]), graded([3, 2, 2, 3, 2]))
          .sum()
          .backward(),
    ),
    'transposed convolution with groups': program(
      'a = torch.ones(2, 4, 5, 6, requires_grad=True); w = torch.ones(4, 3, 3, 2, requires_grad=True)\n' +
        'F.conv_transpose2d(a, w, stride=2, padding=1, output_padding=1, groups=2).sum().backward()',
      () =>
        functional
          .convTranspose2d(graded([2, 4, 5, 6]), graded([4, 3, 3, 2]), {
            stride: 2,
            padding: 1,
            outputPadding: 1,
            groups: 2,
          })
          .sum()
          .backward(),
    ),
    'products of matrices': program(
      'a = torch.ones(3, 4, 5, requires_grad=True); b = torch.ones(3, 5, 6, requires_grad=True)\n' +
        'c = torch.ones(3, 4, 6); w = torch.ones(7, 6, requires_grad=True)\n' +
        'd = F.linear(torch.bmm(a, b) + torch.baddbmm(c, a, b), w)\n' +
        '(d.sum() + torch.einsum("bij,bjk->ik", a, b).sum() + (a[0] @ b[0]).sum() + (a @ b[0, :, 0]).sum()).backward()',
      () => {
        const [a, b, c, w] = [graded([3, 4, 5]), graded([3, 5, 6]), ones([3, 4, 6]), graded([7, 6])];
        const d = functional.linear(ops.bmm(a, b).add(ops.baddbmm(c, a, b)), w);
        const first = b.select(0, 0);
        d.sum()
          .add(ops.einsum('bij,bjk->ik', [a, b]).sum())
          .add(a.select(0, 0).matmul(first).sum())
          .add(a.matmul(first.select(1, 0)).sum())
          .backward();
      },
    ),
    'attention by way of products': program(
      'q = torch.ones(2, 3, 4, 5, requires_grad=True); k = torch.ones(2, 3, 6, 5); v = torch.ones(2, 3, 6, 7)\n' +
        'F.scaled_dot_product_attention(q, k, v, dropout_p=0.5).sum().backward()',
      () =>
        ops
          .aten<ReturnType<typeof ones>>(
            'scaled_dot_product_attention',
            graded([2, 3, 4, 5]),
            ones([2, 3, 6, 5]),
            ones([2, 3, 6, 7]),
            null,
            0.5,
          )
          .sum()
          .backward(),
    ),
  });
});
