/** Waits for a job that somebody waits for. */
import type { Api } from "../../api/client";

const EVERY_MS = 500;
const LOOKS = 240;

export const ENDED = /COMPLETED|FAILED|ABORTED/;

const pause = () => new Promise((done) => setTimeout(done, EVERY_MS));

interface Results {
  readonly list?: readonly { readonly result: string }[];
}

/** Throws where the job did not do all that it was to do, or goes on for minutes. */
export async function untilEnded(
  api: Pick<Api, "get" | "getOwn">,
  id: string,
  rest: () => Promise<unknown> = pause,
): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    const job = await api.get("/v1/jobs/id/{id}", { params: { id } });
    const status = job.status ?? "";
    if (ENDED.test(status)) {
      if (status.endsWith("COMPLETED") && !job.errorDetailOfJob) return;
      const failed = await api.getOwn<Results>("/v1/eaves/jobs/id/{id}/objects", {
        params: { id },
        query: { state: "FAILED" },
      });
      const why = failed.list?.[0]?.result || job.errorDetailOfJob || "its page tells what";
      throw new Error(`job ${job.name} did not do all of it: ${why}`);
    }
    await rest();
  }
  throw new Error(`job ${id} goes on; look at it under Jobs, and come back when it has ended`);
}

/** Those that have not ended, of those that somebody may stop; by id. */
export const abortable = <T extends { readonly status?: string }>(
  chosen: ReadonlyMap<string, T>,
  permitted: (job: T) => boolean,
): readonly (readonly [string, T])[] =>
  [...chosen].filter(([, job]) => !ENDED.test(job.status ?? "") && permitted(job));
