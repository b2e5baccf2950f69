// Polis's directory sync with its own database for memory, behind the route that Polis itself has for it.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { controllers } from "@boxyhq/saml-jackson";

const server = createServer();
server.listen(0, "127.0.0.1", async () => {
    const externalUrl = `http://127.0.0.1:${server.address().port}`;
    const { directorySyncController } = await controllers({
        db: { engine: "mem" },
        externalUrl,
        logger: { info: console.error, warn: console.error, error: console.error },
        noAnalytics: true,
        samlPath: "/api/oauth/saml",
    });
    const { data, error } = await directorySyncController.directories.create({ tenant: "school", product: "platform" });
    if (error) throw new Error(error.message);

    server.on("request", async (request, response) => {
        const url = new URL(request.url, externalUrl);
        const [directoryId, resourceType = "", resourceId] = url.pathname.split("/").slice(4);
        const number = (name) => (url.searchParams.has(name) ? parseInt(url.searchParams.get(name)) : undefined);
        const answer = await directorySyncController.requests.handle({
            method: request.method,
            body: ["GET", "DELETE"].includes(request.method) ? undefined : await json(request),
            directoryId,
            resourceType,
            resourceId,
            apiSecret: request.headers.authorization?.replace("Bearer ", "") ?? null,
            query: {
                count: number("count"),
                startIndex: number("startIndex"),
                filter: url.searchParams.get("filter") ?? undefined,
            },
        });
        response.writeHead(answer.status, { "Content-Type": "application/json; charset=utf-8" });
        response.end(JSON.stringify(answer.data));
    });
    console.log(JSON.stringify({ url: data.scim.endpoint, token: data.scim.secret }));
});
