/** 131 houses with numbers, texts and gaps: prices follow from area, age and street. */
export function houseTable(): string {
  const rows = ['Id,Area,Age,Street,Fence,Price'];
  for (let i = 0; i < 131; ++i) {
    const area = 500 + ((i * 7919) % 2500);
    const age = (i * 104_729) % 90;
    const street = ['Pave', 'Grvl', 'Dirt'][(i * 31) % 3]!;
    const price = 50_000 + 90 * area - 400 * age + (street === 'Pave' ? 20_000 : 0);
    rows.push([i + 1, i % 11 === 3 ? 'NA' : area, age, street, i % 4 === 0 ? 'NA' : 'Wood', price].join(','));
  }
  return rows.join('\n');
}
