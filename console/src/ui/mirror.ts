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
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";

interface Asked {
  readonly label: string;
  readonly text: string;
  readonly readOnly: boolean;
  readonly onText: (text: string) => void;
}

/** Returns what takes it away again. */
export function mirror(host: HTMLElement, asked: Asked): () => void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open", delegatesFocus: true });
  const place = document.createElement("div");
  root.append(place);
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
        syntaxHighlighting(defaultHighlightStyle, { fallback: true }),
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
  return () => {
    view.destroy();
    place.remove();
  };
}
