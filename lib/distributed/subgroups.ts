import { TorchError } from '../tensor/index.js';
import { newGroup, type NewGroupOptions } from './groups.js';
import type { ProcessGroup } from './process-group.js';

/**
 * Groups of the ranks that are listed, none of which stands in two of them. Every process calls it, with the same lists.
 * @returns the group of this process; null where it stands in none.
 * @throws TorchError `value` in PyTorch's words without a list, and for a rank that stands in two, before any group is made.
 * @see torch.distributed.new_subgroups_by_enumeration
 */
export async function newSubgroupsByEnumeration(
  ranksPerSubgroup: readonly (readonly number[])[],
  options: NewGroupOptions = {},
): Promise<ProcessGroup | null> {
  if (ranksPerSubgroup.length === 0) {
    throw new TorchError('value', "The arg 'ranks_per_subgroup_list' cannot be empty");
  }
  const lists = new Map<number, readonly number[]>();
  for (const ranks of ranksPerSubgroup) {
    for (const rank of ranks) {
      const other = lists.get(rank);
      if (other !== undefined) {
        const [first, second] = [other, ranks].map((each) => `[${each.join(', ')}]`);
        throw new TorchError('value', `Rank ${rank} has appeared in both subgroup ${first!} and ${second!}`);
      }
      lists.set(rank, ranks);
    }
  }
  let own: ProcessGroup | null = null;
  for (const ranks of ranksPerSubgroup) own = (await newGroup(ranks, options)) ?? own;
  return own;
}
