/** Names that programs give the network's state dict among the other parts of a checkpoint, the most telling first. */
export const STATE_ENTRIES: readonly string[] = [
  'state_dict',
  'model_state_dict',
  'model',
  'net',
  'network',
  'weights',
  'params',
];
