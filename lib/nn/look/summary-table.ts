import { formatFixed } from '../../tensor/number-format.js';
import type { LayerInfo } from './layer-info.js';
import type { ModelStatistics } from './summary.js';

/** torchinfo's names of the columns. */
export type SummaryColumn =
  'kernel_size' | 'input_size' | 'output_size' | 'num_params' | 'params_percent' | 'mult_adds' | 'trainable';

/** What stands above the columns of a summary. */
export const COLUMNS: Readonly<Record<SummaryColumn, string>> = {
  kernel_size: 'Kernel Shape',
  input_size: 'Input Shape',
  output_size: 'Output Shape',
  num_params: 'Param #',
  params_percent: 'Param %',
  mult_adds: 'Mult-Adds',
  trainable: 'Trainable',
};

/** torchinfo's names of what is told of a row. */
export type SummaryRowSetting = 'depth' | 'var_names' | 'ascii_only' | 'hide_recursive_layers';

export const ROW_SETTINGS: readonly SummaryRowSetting[] = ['depth', 'var_names', 'ascii_only', 'hide_recursive_layers'];

/** How a summary is printed. */
export interface TableSettings {
  readonly colNames: readonly SummaryColumn[];
  readonly colWidth: number;
  readonly depth: number;
  readonly rowSettings: readonly SummaryRowSetting[];
}

const NAME_WIDTH = 40;
const ALIGN = 5;
const PERCENT_WIDTH = 7;
const NONE = '--';

const grouped = (value: number): string => value.toLocaleString('en-US');

/** A summary as torchinfo prints it. */
export function summaryTable(statistics: ModelStatistics, settings: TableSettings): string {
  const { layers, inputSize, totalParams, trainableParams, totalMultAdds } = statistics;
  const { colNames, colWidth, depth, rowSettings } = settings;
  const has = (setting: SummaryRowSetting): boolean => rowSettings.includes(setting);
  const titleOf = (layer: LayerInfo): string => {
    const { name, depth: level } = layer.place;
    const variable = has('var_names') ? ` (${name})` : '';
    return `${layer.className}${variable}${has('depth') && level > 0 ? `: ${level}-${layer.depthIndex}` : ''}`;
  };
  const longest = Math.max(...layers.map((layer) => titleOf(layer).length + layer.place.depth * ALIGN + 1));
  const nameWidth = longest >= NAME_WIDTH ? Math.ceil(longest / ALIGN) * ALIGN : NAME_WIDTH;
  const divider = '='.repeat(nameWidth + colNames.length * colWidth);
  const row = (name: string, cells: readonly string[]): string =>
    [name.padEnd(nameWidth), ...cells.map((cell) => cell.padEnd(colWidth))].join(' ').trimEnd();
  const stem = (level: number): string => {
    const [branch, line, first] = has('ascii_only') ? ['+ ', '|    ', '+ '] : ['└─', '│    ', '├─'];
    return level === 0 ? '' : level === 1 ? first : line.repeat(level - 1) + branch;
  };
  const shown = layers.filter(
    (layer) => layer.place.depth <= depth && !(has('hide_recursive_layers') && layer.isRecursive),
  );
  const names = `Layer (type${has('var_names') ? ' (var_name)' : ''}${has('depth') ? ':depth-idx' : ''})`;
  const lines = [
    divider,
    row(
      names,
      colNames.map((name) => COLUMNS[name]),
    ),
    divider,
    ...shown.map((layer) =>
      row(
        stem(layer.place.depth) + titleOf(layer),
        colNames.map((name) => cellOf(layer, name, layer.place.depth === depth, totalParams)),
      ),
    ),
    divider,
    `Total params: ${grouped(totalParams)}`,
    `Trainable params: ${grouped(trainableParams)}`,
    `Non-trainable params: ${grouped(totalParams - trainableParams)}`,
  ];
  if (inputSize.length > 0) {
    const { totalInput, totalOutputBytes, totalParamBytes } = statistics;
    const megabytes = (what: string, bytes: number): string => `${what} (MB): ${formatFixed(bytes / 1e6, 2)}`;
    const [unit, size] = unitOf(totalMultAdds);
    lines.push(
      `Total mult-adds (${unit}): ${formatFixed(totalMultAdds / size, 2)}`,
      divider,
      megabytes('Input size', totalInput),
      megabytes('Forward/backward pass size', totalOutputBytes),
      megabytes('Params size', totalParamBytes),
      megabytes('Estimated Total Size', totalInput + totalOutputBytes + totalParamBytes),
    );
  }
  return [...lines, divider].join('\n');
}

function unitOf(multAdds: number): readonly [string, number] {
  if (multAdds >= 1e12) return ['T', 1e12];
  return multAdds >= 1e9 ? ['G', 1e9] : ['M', 1e6];
}

/** @param deepest whether what is below the layer is not shown. */
function cellOf(layer: LayerInfo, column: SummaryColumn, deepest: boolean, totalParams: number): string {
  const sizes = (list: readonly number[]): string => (list.length === 0 ? NONE : `[${list.join(', ')}]`);
  const whole = deepest || layer.isLeaf;
  switch (column) {
    case 'kernel_size': {
      const { kernelSize } = layer;
      return kernelSize === null ? NONE : typeof kernelSize === 'number' ? String(kernelSize) : sizes(kernelSize);
    }
    case 'input_size':
      return sizes(layer.inputSize);
    case 'output_size':
      return sizes(layer.outputSize);
    case 'num_params': {
      if (layer.isRecursive) return '(recursive)';
      const count = whole ? layer.numParams : layer.ownParams;
      if (count <= 0) return NONE;
      // In parentheses: none of them learns.
      return whole && layer.trainableParams === 0 ? `(${grouped(count)})` : grouped(count);
    }
    case 'params_percent': {
      if (layer.isRecursive) return '(recursive)';
      const count = whole ? layer.numParams : layer.ownParams;
      const text = count <= 0 || totalParams === 0 ? NONE : `${formatFixed((100 * count) / totalParams, 2)}%`;
      return text.padStart(PERCENT_WIDTH);
    }
    case 'mult_adds': {
      const macs = layer.isLeaf ? layer.macs : deepest ? sumOfLeaves(layer) : 0;
      return macs > 0 ? grouped(macs) : NONE;
    }
    case 'trainable':
      return layer.trainable;
  }
}

const sumOfLeaves = (layer: LayerInfo): number =>
  layer.children.reduce((sum, each) => sum + (each.isLeaf ? each.macs : 0), 0);
