/** Ways to fill a weight before training, all in place and without autograd. @see torch.nn.init */
export { constant_, normal_, ones_, uniform_, zeros_, type DrawOptions } from './fill.js';
export { calculateFans, calculateGain, type FanMode, type Nonlinearity } from './fans.js';
export {
  kaimingNormal_,
  kaimingUniform_,
  xavierNormal_,
  xavierUniform_,
  type KaimingOptions,
  type XavierOptions,
} from './scaled.js';
export { truncNormal_, type TruncNormalOptions } from './truncated-normal.js';
export { dirac_, eye_, orthogonal_, sparse_, type OrthogonalOptions, type SparseOptions } from './structured.js';
