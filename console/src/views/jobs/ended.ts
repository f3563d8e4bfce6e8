/** Waits for a job that somebody waits for. */
import type { Api } from "../../api/client";

const EVERY_MS = 500;
const LOOKS = 240;

export const ENDED = /COMPLETED|FAILED|ABORTED/;

const pause = () => new Promise((done) => setTimeout(done, EVERY_MS));

/** Throws where the job did not do all that it was to do, or goes on for minutes. */
export async function untilEnded(
  api: Pick<Api, "get">,
  id: string,
  rest: () => Promise<unknown> = pause,
): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    const job = await api.get("/v1/jobs/id/{id}", { params: { id } });
    const status = job.status ?? "";
    if (ENDED.test(status)) {
      if (status.endsWith("COMPLETED")) return;
      throw new Error(
        `job ${job.name} did not do all of it: ${job.errorDetailOfJob || "its page tells what"}`,
      );
    }
    await rest();
  }
  throw new Error(`job ${id} goes on; look at it under Jobs, and come back when it has ended`);
}
