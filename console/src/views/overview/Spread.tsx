/** How many are how: a bar for the eye, and the same as links for everybody. */
import { List, ListItem } from "@patternfly/react-core";
import { Link } from "react-router";
import { shown } from "../../ui/shown";
import { type Tone, toneOf, worded } from "../../ui/words";

interface Props {
  readonly values: Readonly<Record<string, number>>;
  readonly to: string;
  readonly filter?: string | undefined;
}

const ORDER: readonly Tone[] = ["bad", "warning", "busy", "good", "off"];

export function Spread({ values, to, filter }: Props) {
  const parts = Object.entries(values)
    .filter(([, count]) => count > 0)
    .sort(([a, m], [b, n]) => ORDER.indexOf(toneOf(a)) - ORDER.indexOf(toneOf(b)) || n - m);
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return <>None yet</>;
  return (
    <>
      <div className="eaves-bar" aria-hidden="true">
        {parts.map(([word, count]) => (
          <div key={word} className={toneOf(word)} style={{ width: `${(100 * count) / total}%` }} />
        ))}
      </div>
      <List isPlain className="eaves-spread">
        {parts.map(([word, count]) => (
          <ListItem key={word}>
            {filter ? (
              <Link to={linkTo(to, filter, word)}>{worded(word)}</Link>
            ) : (
              <bdi>{shown(word)}</bdi>
            )}{" "}
            <span>{count.toLocaleString("en")}</span>
          </ListItem>
        ))}
      </List>
    </>
  );
}

const linkTo = (to: string, filter: string, word: string) =>
  `${to}?${new URLSearchParams({ [filter]: word.replace(/^RUN_STATE_/, "") })}`;
