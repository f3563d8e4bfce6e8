import { Component, type ReactNode } from "react";

interface Given {
  readonly children: ReactNode;
  readonly instead?: ReactNode;
}

/** A part that may fail to load without taking the view away; then `instead` stands in its place. */
export class Apart extends Component<Given, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? this.props.instead : this.props.children;
  }
}
