/**
 * CodeMirror inside of a shadow root: there it uses constructed style sheets, which the policy of the
 * page allows; in the document itself it would add style elements, which the policy forbids.
 */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import {
  bracketMatching,
  defaultHighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { isDark } from "../shell/theme";

interface Asked {
  readonly label: string;
  readonly text: string;
  readonly readOnly: boolean;
  readonly onText: (text: string) => void;
}

/** Its colours of words are for a light page: on a dark one they could not be read. */
const coloured = () =>
  isDark()
    ? EditorView.darkTheme.of(true)
    : syntaxHighlighting(defaultHighlightStyle, { fallback: true });

/** Returns what takes it away again. */
export function mirror(host: HTMLElement, asked: Asked): () => void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open", delegatesFocus: true });
  const place = document.createElement("div");
  root.append(place);
  const colours = new Compartment();
  const view = new EditorView({
    root,
    parent: place,
    state: EditorState.create({
      doc: asked.text,
      extensions: [
        lineNumbers(),
        history(),
        indentOnInput(),
        bracketMatching(),
        yaml(),
        colours.of(coloured()),
        keymap.of([...defaultKeymap, ...historyKeymap]), // Tab goes on to the next control
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": asked.label }),
        EditorState.readOnly.of(asked.readOnly),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) asked.onText(update.state.doc.toString());
        }),
      ],
    }),
  });
  const turned = new MutationObserver(() =>
    view.dispatch({ effects: colours.reconfigure(coloured()) }),
  );
  turned.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  return () => {
    turned.disconnect();
    view.destroy();
    place.remove();
  };
}
