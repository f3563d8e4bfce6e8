import { Button } from "@patternfly/react-core";

interface Props {
  readonly told: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly fetchNextPage: () => Promise<unknown>;
  };
  readonly name: string;
}

/** The next page of a list that goes on; nothing where it ends. */
export function More({ told, name }: Props) {
  if (!told.hasNextPage) return null;
  return (
    <Button
      variant="link"
      isLoading={told.isFetchingNextPage}
      onClick={() => void told.fetchNextPage()}
    >
      {name}
    </Button>
  );
}
