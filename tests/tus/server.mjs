// The reference server of tus, keeping uploads in the folder it is given; prints its port.
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const server = new Server({
  path: "/uploads",
  relativeLocation: true,
  respectForwardedHeaders: false,
  datastore: new FileStore({
    directory: process.argv[2],
    expirationPeriodInMilliseconds: 24 * 3600 * 1000,
  }),
});
const listening = server.listen({ host: "127.0.0.1", port: 0 }, () => {
  process.stdout.write(`${listening.address().port}\n`);
});
