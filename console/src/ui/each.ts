/** One thing for many, a few at a time; what failed comes back, the rest is done. */

export interface Failed<T> {
  readonly item: T;
  readonly error: unknown;
}

export async function each<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atOnce = 4,
): Promise<readonly Failed<T>[]> {
  const left = [...items];
  const failed: Failed<T>[] = [];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        await work(item);
      } catch (error) {
        failed.push({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return failed;
}
