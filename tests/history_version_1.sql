-- Rows as the first version wrote them. The tables are made by the first migration, which never changes.
INSERT INTO session VALUES ('20260101-080000-0a1b', 1767254400.0, 1767254460.0, 'Print the first ten primes.', 'approved', 'openai', 'gpt-4.1',
    'python:3.12-slim', '', '{}', '', 4, 1, 120, 30, NULL);
INSERT INTO message VALUES (1, '20260101-080000-0a1b', 0, 'a', 1767254400.0, 'user', 'Print the first ten primes.', '{}');
INSERT INTO message VALUES (2, '20260101-080000-0a1b', 1, 'b', 1767254410.0, 'CodeGeneratorAgent', '```python
print([2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
```', '{}');
INSERT INTO message VALUES (3, '20260101-080000-0a1b', 2, 'c', 1767254412.0, 'CodeExecutorAgent', '[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]',
    '{"verdict": "ok", "exit_code": "0"}');
INSERT INTO message VALUES (4, '20260101-080000-0a1b', 3, 'd', 1767254460.0, 'UserProxyAgent', 'APPROVE', '{}');
INSERT INTO attempt VALUES (1, '20260101-080000-0a1b', 1, 2, 'python', 'print([2, 3, 5, 7, 11, 13, 17, 19, 23, 29])', 1767254411.0, 1767254411.1,
    'ok', 0, 0.1, '[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]', 0, 'program.py');
INSERT INTO call VALUES ('20260101-080000-0a1b', 1, 1767254410.0, 'gpt-4.1', 120, 30, NULL, 2.0);
INSERT INTO unindexed VALUES (2), (3), (4), (6), (8);

