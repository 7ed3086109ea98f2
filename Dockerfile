# One Sunday node. Data lives in the Postgres that DATABASE_URL names; the container itself keeps nothing and may be read-only.
# docs/guides/operators.md tells how to run it; docker-compose.yml is a whole deployment of several.

FROM node:24-bookworm-slim AS build
WORKDIR /sunday
COPY . .
# The platform's node and the embedded Postgres are optional packages: the image has a node, and a deployment its own Postgres.
# The web app's build tools are too (native binaries), so the first install takes everything.
RUN npm ci --include=dev --include=optional && npm run build -w @sunday/web
# Then only what the server needs. Its sources run as they are: the web app's stay behind, or a start would build it again.
RUN rm -rf node_modules && npm ci --omit=dev --omit=optional --workspace @sunday/server --include-workspace-root=false \
 && mv web/dist /tmp/web-dist && rm -rf web client-sdk load-tests scripts deploy docs .ci */test extensions/*/test \
 && mkdir -p web && mv /tmp/web-dist web/dist

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /sunday
COPY --from=build /sunday /sunday
USER node
EXPOSE 3000
# ok and degraded (Postgres away: live editing goes on) are healthy; draining is not, and a node that is starting does not answer.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--conditions=sunday-source", "server/src/start.ts"]
