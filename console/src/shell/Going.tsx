import { PLACES } from "./places";

/** After `g`, until the next key: where it may lead. */
export function Going() {
  return (
    <p className="eaves-going" role="status">
      Go to
      {PLACES.map(({ key, title }) =>
        key ? (
          <span key={key}>
            <kbd>{key}</kbd> {title}
          </span>
        ) : null,
      )}
    </p>
  );
}
