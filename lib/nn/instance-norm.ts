import { TorchError, type Tensor } from '../tensor/index.js';
import { ChannelNorm, type ChannelNormOptions } from './channel-norm.js';
import { instanceNorm } from './norm-functional.js';
import { replaceBy } from './intermediate.js';
import { warnOnce } from '../tensor/warn-once.js';

/** Options of {@link InstanceNorm1d}, {@link InstanceNorm2d} and {@link InstanceNorm3d}; `affine` and `trackRunningStats` are false by default. */
export type InstanceNormOptions = ChannelNormOptions;

/** Normalisation of each channel of each instance by itself; subclasses say which shapes they take. */
export abstract class InstanceNorm extends ChannelNorm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super(numFeatures, options, false);
  }

  /** How many dimensions an input without a batch has. */
  protected abstract unbatched(): number;

  /**
   * @param x `[N, C, ...]` or `[C, ...]`.
   * @throws TorchError `value` for another number of dimensions or channels, or for one element to take statistics of.
   */
  forward(x: Tensor): Tensor {
    const { ndim, shape } = x;
    const single = this.unbatched();
    if (ndim !== single && ndim !== single + 1) {
      throw new TorchError('value', `expected ${single}D or ${single + 1}D input (got ${ndim}D input)`);
    }
    const dim = ndim - single;
    if (shape[dim] !== this.numFeatures) {
      if (this.affine) {
        throw new TorchError(
          'value',
          `expected input's size at dim=${dim} to match num_features (${this.numFeatures}), but got: ${shape[dim]!}.`,
        );
      }
      warnOnce(
        `input's size at dim=${dim} does not match num_features. You can silence this warning by not passing in ` +
          'num_features, which is not used because affine=False',
      );
    }
    if (ndim !== single) return normalize(this, x);
    const batch = x.unsqueeze(0);
    const normal = replaceBy(batch, normalize(this, batch));
    return replaceBy(normal, normal.squeeze(0));
  }

  /** Before versions there were running statistics by default: they are refused where there is no place for them. */
  override upgradeState(entries: Map<string, unknown>, prefix: string, version: number | null, errors: string[]): void {
    super.upgradeState(entries, prefix, version, errors);
    if (version !== null || this.trackRunningStats) return;
    const keys = ['running_mean', 'running_var'].map((name) => prefix + name).filter((key) => entries.delete(key));
    if (keys.length === 0) return;
    const names = keys.map((key) => `"${key}"`).join(' and ');
    const name = this.className();
    errors.push(
      `Unexpected running stats buffer(s) ${names} for ${name} with track_running_stats=False. If state_dict is a ` +
        `checkpoint saved before 0.4.0, this may be expected because ${name} does not track running stats by default ` +
        'since 0.4.0. Please remove these keys from state_dict. If the running stats are actually needed, instead set ' +
        `track_running_stats=True in ${name} to enable them. See the documentation of ${name} for details.`,
    );
  }
}

function normalize(layer: InstanceNorm, x: Tensor): Tensor {
  const { weight, bias, eps, training, trackRunningStats } = layer;
  return instanceNorm(x, {
    runningMean: layer.running_mean,
    runningVar: layer.running_var,
    weight,
    bias,
    eps,
    momentum: layer.momentum ?? 0,
    useInputStats: training || !trackRunningStats,
  });
}

/**
 * Instance normalisation of `[N, C, L]` or `[C, L]`.
 * @see torch.nn.InstanceNorm1d
 */
export class InstanceNorm1d extends InstanceNorm {
  protected override unbatched(): number {
    return 2;
  }
}

/**
 * Instance normalisation of `[N, C, H, W]` or `[C, H, W]`.
 * @see torch.nn.InstanceNorm2d
 */
export class InstanceNorm2d extends InstanceNorm {
  protected override unbatched(): number {
    return 3;
  }
}

/**
 * Instance normalisation of `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @see torch.nn.InstanceNorm3d
 */
export class InstanceNorm3d extends InstanceNorm {
  protected override unbatched(): number {
    return 4;
  }
}
